import pytest

from core.secrets import OtherSecret, digest, new_code, new_token, read_code, seal, unseal


def test_a_code_is_read_however_it_is_written() -> None:
    code = new_code()
    assert read_code(code) == read_code(code.lower().replace("-", " ")) == code


def test_look_alikes_do_not_matter() -> None:
    assert read_code("OIL0 1111 AAAA") == "0110-1111-AAAA"


def test_two_secrets_are_never_the_same() -> None:
    assert len({new_token("t_") for _ in range(100)} | {new_code() for _ in range(100)}) == 200


def test_a_digest_does_not_hold_its_secret() -> None:
    assert "secret" not in digest("secret") and len(digest("secret")) == 64


def test_what_is_sealed_opens_with_its_own_secret_alone_and_never_looks_the_same_twice() -> None:
    content = b"\x00 what someone said" * 100
    sealed = seal(content, "one")
    assert unseal(sealed, "one") == content
    assert content not in sealed and seal(content, "one") != sealed
    with pytest.raises(OtherSecret):
        unseal(sealed, "two")
    assert unseal(seal(b"", "one"), "one") == b""
