"""The pages for people."""

from django.urls import path

from nexus.web import pages

urlpatterns = [
    path("", pages.landing, name="landing"),
    path("status", pages.status, name="status"),
    path("status.atom", pages.incidents, name="incidents"),
    path("problems", pages.problems, name="problems"),
    path("confirm-email", pages.confirm_email, name="confirm_email"),
    path("request-password-reset", pages.request_password_reset, name="request_password_reset"),
    path("reset-password", pages.reset_password, name="reset_password"),
]
