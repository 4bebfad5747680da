import django.db.models
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("nexus", "0002_status")]

    operations = [
        migrations.AddField(
            model_name=name,
            name="traceparent",
            field=django.db.models.CharField(blank=True, db_default="", max_length=55),
        )
        for name in ("outboxevent", "delivery", "deadletter")
    ]
