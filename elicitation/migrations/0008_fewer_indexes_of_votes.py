import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Coalesce

from core.append_only import DropOwnIndex


class Migration(migrations.Migration):
    """Four indexes that each written vote paid for: two that others cover now, and two that are only of rows that have the
    field. No table is remade, and no foreign key checked anew."""

    dependencies = [("elicitation", "0007_comparison_draws")]

    operations = [
        migrations.RemoveConstraint(model_name="wisdomvote", name="one_first_wisdom_vote"),
        migrations.AddConstraint(
            model_name="wisdomvote",
            constraint=models.UniqueConstraint(
                "participant",
                "from_value",
                "to_value",
                "context",
                Coalesce("supersedes", 0, output_field=models.BigIntegerField()),
                name="one_first_wisdom_vote",
            ),
        ),
        DropOwnIndex(
            model_name="wisdomvote",
            name="participant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="wisdom_votes",
                to="elicitation.participant",
            ),
        ),
        DropOwnIndex(
            model_name="wisdomvote",
            name="study",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="wisdom_votes",
                to="elicitation.study",
            ),
        ),
        DropOwnIndex(
            model_name="wisdomvote",
            name="story",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="votes",
                to="elicitation.upgradestory",
            ),
        ),
        DropOwnIndex(
            model_name="wisdomvote",
            name="draw_item",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="votes",
                to="elicitation.drawitem",
            ),
        ),
        migrations.AddIndex(
            model_name="wisdomvote",
            index=models.Index(condition=models.Q(("story__isnull", False)), fields=["story"], name="votes_on_a_story"),
        ),
        migrations.AddIndex(
            model_name="wisdomvote",
            index=models.Index(
                condition=models.Q(("draw_item__isnull", False)), fields=["draw_item"], name="votes_on_a_drawn_story"
            ),
        ),
    ]
