"""The report, read as text and looked at in a real browser without a window."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from sklrnn.experiments import sections
from sklrnn.experiments.findings import Findings

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DRIVERS = ("chromedriver", "chromium-driver")


def find(names):
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser(found, folder):
    """A browser that shows the report, and what it asked for and complained of."""
    binary, driver = find(BROWSERS), find(DRIVERS)
    if binary is None or driver is None:
        pytest.skip("no Chromium with its chromedriver is installed to look with")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",  # which root cannot have
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
    ):
        options.add_argument(argument)
    logs = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    service = webdriver.ChromeService(executable_path=driver)
    shown = webdriver.Chrome(options=options, service=service)
    try:
        shown.get((folder / "index.html").as_uri())
        yield shown
    finally:
        shown.quit()


def rows(browser):
    """Return the texts of the rows that are shown."""
    return browser.execute_script(
        "return Array.from(document.querySelectorAll('#results tbody tr'))"
        ".filter(r => !r.hidden).map(r => Array.from(r.cells).map(c => c.innerText))"
    )


def heads(browser):
    return browser.find_elements("css selector", "#results thead button")


def reset(browser):
    browser.refresh()


def test_the_table_is_sorted_and_sorts(browser):
    reset(browser)
    first = [float(row[2]) for row in rows(browser)]
    assert first == sorted(first) and len(first) > 10
    weights = [head.text.startswith("weights") for head in heads(browser)].index(True)

    def shown():
        return [row[weights].replace(",", "") for row in rows(browser)]

    heads(browser)[weights].click()
    up = shown()
    numbers = [int(text) for text in up if text]
    assert numbers == sorted(numbers) and len(set(numbers)) > 2
    # Simple answers have no weights, and stay at the end either way.
    assert up[len(numbers) :] == [""] * (len(up) - len(numbers)) != []
    heads(browser)[weights].click()
    down = shown()
    assert [int(text) for text in down if text] == sorted(numbers, reverse=True)
    assert down[len(numbers) :] == up[len(numbers) :]
    head = browser.find_elements("css selector", "#results thead th")[weights]
    assert head.get_attribute("aria-sort") == "descending"
    heads(browser)[0].click()
    names = [row[0].lower() for row in rows(browser)]
    assert names == sorted(names)


def test_the_table_filters(browser):
    reset(browser)
    everything = len(rows(browser))
    words = browser.find_element("id", "words")
    words.send_keys("gated GRU")
    assert {row[0].removesuffix(" ★") for row in rows(browser)} == {"gru coupled gated"}
    count = browser.find_element("id", "count").text
    assert count == f"{len(rows(browser))} of {everything} rows"
    words.clear()
    words.send_keys(" ")
    browser.find_element("id", "group").click()
    assert 0 < len(rows(browser)) < everything
    browser.find_element("id", "group").click()
    part = browser.find_element("id", "part")
    part.send_keys("prediction")
    assert {row[1] for row in rows(browser)} == {"prediction"}


def test_the_keyboard_is_enough(browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    reset(browser)
    reached = []
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        active = browser.switch_to.active_element
        reached.append(active.get_attribute("id") or active.tag_name)
        if active.tag_name == "button" and active.text.startswith("weights"):
            break
    assert {"theme", "words", "part", "group", "a"} <= set(reached)
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    numbers = [int(row[7].replace(",", "")) for row in rows(browser) if row[7]]
    assert numbers == sorted(numbers)


def test_every_picture_loads(browser):
    reset(browser)
    boxes = browser.execute_script(
        "return Array.from(document.querySelectorAll('figure')).map(f => {"
        " const s = f.querySelector('svg'), b = s.getBoundingClientRect();"
        " return [s.getAttribute('aria-label'), b.width, b.height,"
        " s.querySelectorAll('path, use, text').length]; })"
    )
    assert len(boxes) >= 14
    assert all(w > 300 and h > 80 and n > 10 for _, w, h, n in boxes)
    names = [name for name, *_ in boxes]
    assert len(set(names)) == len(names)
    for wanted in (
        "Error by architecture: prediction",
        "Average ranks: prediction",
        "Prediction against reconstruction",
        "Online against offline",
        "Learning curves",
        "prediction, best window",
        "reconstruction, worst window",
        "Gate of the gated fusion over time",
        "Error against gap length: reconstruction, offline",
    ):
        assert wanted in names
    # No two elements share an identifier, or pictures would draw in each other.
    doubled = browser.execute_script(
        "const all = Array.from(document.querySelectorAll('[id]')).map(e => e.id);"
        "return all.filter((id, i) => all.indexOf(id) !== i)"
    )
    assert doubled == []


def test_light_and_dark(browser):
    reset(browser)

    def colors():
        return browser.execute_script(
            "const body = getComputedStyle(document.body);"
            "const text = getComputedStyle(document.querySelector('figure svg text'));"
            "return [body.backgroundColor, body.color, text.fill]"
        )

    def luminance(color):
        return sum(map(int, re.findall(r"\d+", color)[:3]))

    light = colors()
    browser.find_element("id", "theme").click()
    dark = colors()
    assert luminance(light[0]) > 600 > 200 > luminance(dark[0])
    for back, text, ink in (light, dark):
        assert abs(luminance(back) - luminance(text)) > 400
        assert ink == text  # pictures are written in the colour of the page
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    reset(browser)
    assert colors() == dark
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_narrow_window_scrolls_no_page(browser):
    reset(browser)
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= 400
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_asked_for_and_nothing_complains(browser, folder):
    reset(browser)
    asked = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    own = (folder / "index.html").as_uri()
    assert own in asked
    assert {url for url in asked if not url.startswith("data:")} == {own}
    assert browser.get_log("browser") == []


# ---- without a browser --------------------------------------------------------------


def test_the_page_needs_nothing_else(found, folder):
    html = (folder / "index.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#|data:,|results\.)', html)
    assert "@import" not in html and "url(http" not in html
    assert html.count("<svg") == html.count("</svg>") >= 14


def test_page_and_files_hold_the_same_numbers(found, folder):
    told = json.loads((folder / "results.json").read_text())
    results = pd.read_csv(folder / "results.csv", float_precision="round_trip")
    assert [row["micro_mse"] for row in told["results"]] == [
        None if pd.isna(value) else value for value in results["micro_mse"]
    ]
    html = (folder / "index.html").read_text()
    for row in told["summary"]:
        assert f'data-value="{row["micro_mse"]:.9g}"' in html
    assert told["seeds"] == [0, 1]
    assert told["data"]["sha256"] == found.protocol.checksum
    assert told["protocol"]["test_windows"] == len(found.protocol.ends)


def test_the_page_says_how_it_was_made(found, folder):
    html = (folder / "index.html").read_text()
    for fact in ("sklrnn compare t.csv", found.protocol.checksum):
        assert fact in html
    for name in ("torch", "python", "machine", "0, 1", "2 seeds", "ties are ties"):
        assert name in html


@pytest.mark.parametrize(("naive", "told"), [(0.11, False), (0.13, True)])
def test_simple_answers_may_be_tied_with_the_best(naive, told):
    part = pd.DataFrame(
        {
            "architecture": ["gru forward", "last value"],
            "seeds": [3, 0],
            "micro_mse": [0.1, naive],
            "std": [0.01, np.nan],
            "best_group": [True, False],
            "choice": [True, False],
        }
    )
    text = sections._verdict(part, ("prediction", "online"))
    assert f"last value, has {naive:.3f}" in text
    assert ("not told apart either" in text) != told


def test_one_seed_says_little(found):
    first = found.results["seed"].fillna(0) == 0
    records = [r for r, keep in zip(found.records, first, strict=True) if keep]
    alone = type(found)(
        **{
            **vars(found),
            "results": found.results[first].reset_index(drop=True),
            "records": records,
            "seeds": [0],
        }
    )
    findings = Findings.of(alone)
    assert "There was one seed" in sections._found(alone, findings)
    assert "With one seed nothing can be told apart" in sections._effects(findings)
    assert set(findings.teachers["verdict"]) == {"no difference told"}
    assert set(findings.effects["verdict"]) == {"not told apart"}


def test_names_cannot_break_the_page(found):
    records = [
        record | {"architecture": f"{record['architecture']} <b>&\"'"}
        for record in found.records
    ]
    names = [record["architecture"] for record in records]
    results = found.results.assign(architecture=names)
    odd = type(found)(**{**vars(found), "records": records, "results": results})
    findings = Findings.of(odd)
    html = (
        sections._found(odd, findings)
        + sections._results(findings)
        + sections._ranks(findings)
    )
    assert "<b>" not in html and "&lt;b&gt;&amp;" in html
