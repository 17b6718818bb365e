from types import SimpleNamespace

import pytest

from app.frame import import_data


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("CHAP_PM2.5_D1K_20150110_V4.nc", "CHAP_PM2.5_D1K_20150110_V4.nc"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\maps.nc", "maps.nc"),
        (".hidden", "hidden"),
        ("..", "file"),
        ("", "file"),
        ("南京 2015.csv", "___2015.csv"),
        ("a/b/../c.nc", "c.nc"),
    ],
)
def test_an_upload_cannot_name_a_path(given, plain):
    assert import_data.plain_name(given) == plain


def test_two_uploads_of_one_name_are_both_kept(tmp_path):
    uploads = [
        SimpleNamespace(name="a.csv", getbuffer=lambda n=n: f"file {n}".encode()) for n in range(2)
    ]
    paths = import_data.save(uploads, tmp_path)
    assert [path.read_text() for path in paths] == ["file 0", "file 1"]
    assert all(path.parent == tmp_path for path in paths)
