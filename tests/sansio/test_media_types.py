"""What a file is, by its name and by its first bytes."""

from __future__ import annotations

import mimetypes

import pytest

from lilya._sansio.media_types import SNIFF_LENGTH, guess_media_type, sniff_media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("style.css", "text/css"),
        ("/a/b.c/PICTURE.PNG", "image/png"),
        ("page.en.html", "text/html"),
        ("font.woff2", "font/woff2"),
        ("photo.webp", "image/webp"),
        ("photo.avif", "image/avif"),
        ("app.webmanifest", "application/manifest+json"),
        ("README", None),
        (".bashrc", None),
        ("x.unheard-of", None),
        ("", None),
    ],
)
def test_the_suffix_says_what_a_file_is(name: str, media_type: str | None) -> None:
    assert guess_media_type(name) == media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("site.tar.gz", "application/gzip"),
        ("logo.svgz", "application/gzip"),
        ("a.txt.br", "application/x-brotli"),
        ("a.txt.bz2", "application/x-bzip2"),
        ("a.txt.xz", "application/x-xz"),
    ],
)
def test_a_packed_file_is_of_the_type_of_the_packing(name: str, media_type: str) -> None:
    assert guess_media_type(name) == media_type


@pytest.mark.parametrize("name", ["data:text/html,x.png", "data:text/html,<b>/x.png", "http://x/y.html#z.png"])
def test_a_name_that_looks_like_a_url_is_a_name(name: str) -> None:
    assert guess_media_type(name) == "image/png"


def test_types_the_program_adds_are_known() -> None:
    mimetypes.add_type("application/x-lilya", ".lilya")
    assert guess_media_type("flower.lilya") == "application/x-lilya"


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x01\n\x03\x04WEBPVP8 ", "image/webp"),
        (b"RIFF\x01\x02\x03\x04WAVEfmt ", "audio/wave"),
        (b"\x00\x00\x00\x20ftypavif", "image/avif"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x42\x82\x84webm", "video/webm"),
        (b"BM\x36\x00\x0c\x00\x00\x00\x00\x00", "image/bmp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"BMW and ID3 are words", "text/plain"),
        (b"plain\ttext\r\n", "text/plain"),
        ("ünïcode".encode(), "text/plain"),
        (b"nul\x00", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_first_bytes_say_what_a_file_is(head: bytes, media_type: str) -> None:
    assert sniff_media_type(head) == media_type


@pytest.mark.parametrize("head", [b"<!DOCTYPE html><script>", b"<html>", b"<?xml version='1.0'?><svg>", b"<script>"])
def test_what_could_run_as_a_script_is_never_deduced(head: bytes) -> None:
    assert sniff_media_type(head) == "text/plain"


def test_only_the_beginning_counts() -> None:
    assert sniff_media_type(b"x" * SNIFF_LENGTH + b"\0") == "text/plain"
