"""The page docs/browser.html predicts by onnxruntime-web what onnxruntime predicts in Python."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import onnxruntime
import pytest
from conftest import ROOT
from PIL import Image
from waiting import HANGS

import mtrain

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
ONNXRUNTIME_WEB = "onnxruntime-web@1.30.0"

PICTURE = (
    "const files = new DataTransfer();"
    "files.items.add(new File([await (await fetch('row.png')).blob()], 'row.png'));"
    "form.elements.image.files = files.files;"
)
"""Takes the picture at row.png."""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and shutil.which("npm")), reason="Chromium or npm is not installed"
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """onnxruntime-web, as npm has it."""
    folder = tmp_path_factory.mktemp("npm")
    npm = ["npm", "install", "--prefix", folder, "--ignore-scripts", ONNXRUNTIME_WEB]
    if subprocess.run(npm, check=False, capture_output=True).returncode:
        pytest.skip(f"npm cannot install {ONNXRUNTIME_WEB}")
    return folder / "node_modules"


class Answers(SimpleHTTPRequestHandler):
    """Serves a folder, and puts what a page posts into `said`."""

    said: queue.Queue

    def do_POST(self):
        """Take what the page shows."""
        self.said.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def answered(packages, folder, model, fill):
    """What the page says, and the probabilities it shows, once the script `fill` has filled the form."""
    (folder / "node_modules").symlink_to(packages)
    shutil.copy(model, folder / "model.onnx")
    page = (ROOT / "docs" / "browser.html").read_text()
    assert page.count("  main().catch") == 1
    waiting = page.replace("  main().catch", "  window.done = main().catch")
    submit = "await form.onsubmit(new Event('submit'));"
    post = "await fetch('shown', { method: 'POST', body: document.body.outerHTML });"
    script = f"done.then(async () => {{ {fill} {submit} {post} }});"
    (folder / "page.html").write_text(f"{waiting}<script>{script}</script>")
    handler = type("Handler", (Answers,), {"said": queue.Queue()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        browser = [CHROMIUM, *options, f"--user-data-dir={folder / 'profile'}", address]
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(browser, stdout=nowhere, stderr=nowhere) as process:
            shown = handler.said.get(timeout=HANGS)
            process.kill()
        server.shutdown()
    (said,) = re.findall(r'<output role="status">(.*?)</output>', shown)
    return said, [float(p) for p in re.findall(r"<td>([\d.]+)</td>", shown)]


def in_python(model, row):
    session = onnxruntime.InferenceSession(str(model))
    label, probabilities = session.run(["label", "probabilities"], row)
    return label[0], pytest.approx(probabilities[0], abs=6e-5)


@pytest.mark.parametrize(("size", "colour"), [(2.0, "blue"), (5.0, "red"), (0.0, "violet")])
def test_a_row_of_a_table_is_predicted(packages, tmp_path, size, colour):
    rows = [f"{n % 7},{'red' if n % 3 else 'blue'},{'yes' if n % 3 else 'no'}" for n in range(90)]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["size,colour,bought", *rows]))
    table = {"name": "csv", "path": str(data), "target": "bought"}
    run = mtrain.fit({"dataset": table, "training": {"epochs": 30}}, out=tmp_path / "run")
    model = mtrain.export(run).path

    values = {"size": size, "colour": colour}
    fill = "".join(
        f"form.elements['{name}'].value = {json.dumps(v)};" for name, v in values.items()
    )
    shown = answered(packages, tmp_path, model, fill)

    row = {"size": np.array([[size]], np.float32), "colour": np.array([[colour]], object)}
    assert shown == in_python(model, row)


def test_a_picture_of_another_size_is_refused(packages, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 5)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.arange(30) % 3)
    config = {"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}
    model = mtrain.export(mtrain.fit(config, out=tmp_path / "run")).path
    Image.fromarray(images[1, :4]).save(tmp_path / "row.png")

    message = "The picture is 5 x 4; the model takes 5 x 6."
    assert answered(packages, tmp_path, model, PICTURE) == (message, [])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_is_predicted(packages, tmp_path, mode):
    generator = np.random.default_rng(0)
    shape = (90, 6, 5) if mode == "L" else (90, 6, 5, 3)
    labels = np.arange(90) % 3
    images = generator.integers(0, 120, shape) + (60 * labels).reshape(-1, *[1] * (len(shape) - 1))
    np.savez(tmp_path / "a.npz", x_train=images.astype(np.uint8), y_train=labels)
    config = {"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}
    model = mtrain.export(mtrain.fit(config, out=tmp_path / "run")).path
    image = images[1].astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "row.png")

    shown = answered(packages, tmp_path, model, PICTURE)

    assert shown == in_python(model, {"image": image[None]})
