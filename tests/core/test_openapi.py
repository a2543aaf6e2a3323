import io

from django.core.management import call_command


def test_the_description_of_the_api_is_valid_and_complete() -> None:
    described = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=described)
    assert "/api/v1/interviews/{id}/turns/" in described.getvalue()
