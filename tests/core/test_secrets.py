from core.secrets import digest, new_code, new_token, read_code


def test_a_code_is_read_however_it_is_written() -> None:
    code = new_code()
    assert read_code(code) == read_code(code.lower().replace("-", " ")) == code


def test_look_alikes_do_not_matter() -> None:
    assert read_code("OIL0 1111 AAAA") == "0110-1111-AAAA"


def test_two_secrets_are_never_the_same() -> None:
    assert len({new_token("t_") for _ in range(100)} | {new_code() for _ in range(100)}) == 200


def test_a_digest_does_not_hold_its_secret() -> None:
    assert "secret" not in digest("secret") and len(digest("secret")) == 64
