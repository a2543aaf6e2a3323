from django.db import migrations, models


class Migration(migrations.Migration):
    """A snapshot pins what counting reads beside the votes. The field may be null, so that SQLite adds it to the table
    that is there: making the table anew would lose the triggers that keep it append-only."""

    dependencies = [("graphs", "0002_append_only")]

    operations = [
        migrations.AddField(
            "graphsnapshot",
            "pins",
            models.JSONField(null=True, editable=False, help_text="graphs.pins: what counting read beside the votes"),
        ),
    ]
