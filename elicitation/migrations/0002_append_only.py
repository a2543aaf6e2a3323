from django.db import migrations

from core.append_only import AppendOnly


class Migration(migrations.Migration):
    """Rows here are added and never changed; the database refuses."""

    dependencies = [("elicitation", "0001_initial")]

    operations = [
        AppendOnly("elicitation_consent"),
        AppendOnly("elicitation_cardrevision"),
        AppendOnly("elicitation_endorsement"),
        AppendOnly("elicitation_wisdomvote"),
        AppendOnly("elicitation_annotation"),
    ]
