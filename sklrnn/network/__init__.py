"""The networks in torch alone: cells, layers, directions, fusions, heads, losses."""
