from django.db import migrations

from core.append_only import AppendOnly


class Migration(migrations.Migration):
    """Rows here are added and never changed; the database refuses."""

    dependencies = [("constitutions", "0001_initial")]

    operations = [
        AppendOnly("constitutions_constitutionversion"),
    ]
