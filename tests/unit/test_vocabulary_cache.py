"""The disk cache saves time, never changes an answer, and is never in the way."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from constrained import Vocabulary
from constrained.vocabulary import cache, source

ARRAYS = {"a": np.arange(5, dtype=np.int32), "none": np.empty((0, 2), np.int32), "b": np.arange(9, dtype=np.uint8)}
ENTRY = cache.Entry({"name": "é", "numbers": [1, 2]}, ARRAYS)
TRIE_ARRAYS = ("byte", "depth", "skip", "token", "duplicates")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache; its folder does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONSTRAINED_CACHE", raising=False)
    return tmp_path / "cache" / "constrained-mlx" / "vocabulary"


@pytest.fixture
def tokenizer():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({text: token for token, text in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["</s>", "<think>"])
    return made


@pytest.fixture
def readings(monkeypatch):
    """How often a tokenizer was read, and not taken from the cache."""
    count = []
    monkeypatch.setattr(source.Source, "read", lambda self, read=source.Source.read: (count.append(1), read(self))[1])
    return count


def read(tokenizer, **options):
    return Vocabulary.from_tokenizer(tokenizer, **{"eos_token_ids": [256], **options})


def same(entry):
    return (
        entry is not None
        and entry.header == ENTRY.header
        and list(entry.arrays) == list(ARRAYS)
        and all(np.array_equal(entry.arrays[name], ARRAYS[name]) for name in ARRAYS)
    )


def test_the_second_time_a_vocabulary_comes_from_the_cache_and_is_equal(tokenizer, readings):
    first, second = read(tokenizer), read(tokenizer)
    assert len(readings) == 1
    for name in ("size", "spellings", "eos_token_ids", "fingerprint", "alphabet"):
        assert getattr(second, name) == getattr(first, name)
    assert dict(second.control) == dict(first.control)
    assert second.trie.max_depth == first.trie.max_depth
    for name in TRIE_ARRAYS:
        made, loaded = getattr(first.trie, name), getattr(second.trie, name)
        assert loaded.dtype == made.dtype
        assert loaded.flags.writeable
        assert loaded.flags.c_contiguous
        assert np.array_equal(loaded, made)
    assert second.encode("a b") == first.encode("a b")


def test_other_tokens_ends_and_sizes_are_other_entries(tokenizer, readings):
    read(tokenizer)
    read(tokenizer, size=300)
    read(tokenizer, eos_token_ids=[257])
    tokenizer.add_tokens(["more"])
    read(tokenizer)
    assert len(readings) == 4
    assert read(tokenizer, eos_token_ids=[257]).eos_token_ids == (257,)


def test_an_entry_comes_back_as_it_was_stored():
    cache.store("key", ENTRY)
    assert same(cache.load("key"))
    assert cache.load("other") is None


DAMAGES = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "header only": lambda content: content[:60],
    "last byte missing": lambda content: content[:-1],
    "a byte too many": lambda content: content + b"\0",
    "a bit of the arrays flipped": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "a bit of the digest flipped": lambda content: content[:35] + bytes([content[35] ^ 1]) + content[36:],
    "another version": lambda content: content.replace(b"vocabulary 1\n", b"vocabulary 0\n"),
    "something else": lambda content: b"not ours",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_ignored_and_replaced(damage, folder, tokenizer, readings):
    first = read(tokenizer)
    [path] = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    assert read(tokenizer).fingerprint == first.fingerprint
    assert len(readings) == 2
    assert path.read_bytes() == whole


def test_a_folder_in_the_place_of_the_file_is_ignored(folder, tokenizer, readings):
    read(tokenizer)
    [path] = folder.iterdir()
    path.unlink()
    path.mkdir()
    read(tokenizer)
    read(tokenizer)
    assert len(readings) == 3
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("value", ["off", "OFF"])
def test_can_be_turned_off(value, monkeypatch, folder, tokenizer, readings):
    read(tokenizer)
    monkeypatch.setenv("CONSTRAINED_CACHE", value)
    read(tokenizer)
    assert len(readings) == 2
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "elsewhere"))
    read(tokenizer)
    assert not (folder.parent / "elsewhere").exists()


def test_a_cache_that_cannot_be_written_is_no_obstacle(monkeypatch, tmp_path, tokenizer):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read(tokenizer).fingerprint == read(tokenizer).fingerprint


def test_a_read_only_folder_is_no_obstacle(monkeypatch, folder, tokenizer):
    def refuse(**_):  # rather than permissions, which do not bind root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert read(tokenizer).fingerprint == read(tokenizer).fingerprint
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(monkeypatch, folder):
    def full(descriptor, mode):
        os.close(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    cache.store("key", ENTRY)
    assert list(folder.iterdir()) == []


def test_no_home_directory_is_no_obstacle(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", homeless)
    cache.store("key", ENTRY)
    assert cache.load("key") is None


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_a_relative_cache_folder_counts_as_unset(value, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "constrained-mlx"


def write_and_read(times):
    """What one of several writers does; returns how often it found something else than the entry."""
    wrong = 0
    for _ in range(times):
        cache.store("key", ENTRY)
        wrong += not same(cache.load("key"))
    return wrong


def test_threads_that_write_at_once_do_not_disturb_each_other(folder):
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write_and_read, [20] * 8)) == 0
    assert [path.name for path in folder.iterdir()] == ["key.v1"]


def test_processes_that_write_at_once_do_not_disturb_each_other(folder):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert sum(pool.map(write_and_read, [40] * 2)) == 0
    assert [path.name for path in folder.iterdir()] == ["key.v1"]
