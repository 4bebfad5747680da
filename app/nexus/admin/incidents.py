"""Where operators tell users what does not work: the only forms here, since all else is done to what exists."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import display, register
from django.db.models import Model
from django.forms import CharField, CheckboxSelectMultiple, ModelForm, MultipleChoiceField, Textarea
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join

from nexus.admin.tables import Table, viewer_of
from nexus.domain.status.components import COMPONENTS
from nexus.domain.status.models import TEXT_MAX, Incident
from nexus.domain.status.operations import post_incident, update_incident
from nexus.kernel.errors import DomainError

_POSTED = ("title", "impact", "components", "state")
_HELP = "What users feel, and when they hear more. Everybody can read it, and it cannot be changed."


class _Update(ModelForm):  # type: ignore[type-arg]  # Django's class is generic for the type checker only
    text = CharField(max_length=TEXT_MAX, widget=Textarea, help_text=_HELP)

    class Meta:
        model = Incident
        fields: ClassVar = ("state",)


class _Post(_Update):
    components = MultipleChoiceField(choices=COMPONENTS.items(), widget=CheckboxSelectMultiple, required=False)

    class Meta:
        model = Incident
        fields: ClassVar = _POSTED


@register(Incident)
class IncidentTable(Table):
    """What users are told on the status page."""

    list_display = ("title", "state", "impact", "started_at", "resolved_at")
    list_filter = ("state", "impact")
    readonly_fields = ("title", "impact", "components", "started_at", "resolved_at", "said")

    @display(description="said so far")
    def said(self, incident: Incident) -> str:
        """All updates, the first first."""
        rows = [(f"{each.at:%Y-%m-%d %H:%M}", each.state, each.text) for each in incident.updates.order_by("at", "id")]
        return format_html_join("", "<p>{} UTC, {}: {}</p>", rows)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may look; the operation checks the role."""
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As long as it is open."""
        return self.has_view_permission(request) and isinstance(obj, Incident) and obj.resolved_at is None

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A new one, or an update of one that is there."""
        return _Update if change else _Post

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """What is known above, what can be said below."""
        if obj is None:
            return (*_POSTED, "text")
        return (*self.readonly_fields, "state", *(("text",) if self.has_change_permission(request, obj) else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """All of it but the state, once it is posted."""
        return () if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The operation instead of the row."""
        actor, said = viewer_of(request), form.cleaned_data
        if change:
            update_incident(actor=actor, incident_id=obj.pk, text=said["text"], state=said["state"])
        else:
            obj.pk = post_incident(actor=actor, **said).id

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """With the operation's reason when it refuses."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
