"""Where the GraphQL door is."""

from django.urls import path

from nexus.api.graphql.view import view

urlpatterns = [path("graphql", view, name="graphql")]
