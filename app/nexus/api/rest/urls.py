"""The whole REST API on one page. Paths are below /api/v1."""

from django.urls import path, register_converter
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from nexus.api.rest import graph, identity, instance, notifications, posts, status, timelines, users
from nexus.api.rest.contract import openapi_json, openapi_yaml
from nexus.api.rest.converters import IdConverter, UserConverter
from nexus.api.rest.endpoints import route

register_converter(IdConverter, "id")
register_converter(UserConverter, "user")

urlpatterns = [
    route("instance", GET=instance.instance),
    route("status", GET=status.service_status),
    # Identity
    route("identity/sign-up", POST=identity.sign_up),
    route("identity/email/confirm", POST=identity.confirm_email),
    route("identity/email/resend", POST=identity.resend_confirmation),
    route("identity/log-in", POST=identity.log_in),
    route("identity/refresh", POST=identity.refresh_tokens),
    route("identity/log-out", POST=identity.log_out),
    route("identity/password/request-reset", POST=identity.request_password_reset),
    route("identity/password/reset", POST=identity.reset_password),
    # People
    route("me", GET=users.me, PATCH=users.update_profile),
    route("users/<user:user>", GET=users.profile),
    route("users/<id:user_id>/follow", PUT=graph.follow_user, DELETE=graph.unfollow_user),
    route("users/<id:user_id>/block", PUT=graph.block_user, DELETE=graph.unblock_user),
    route("users/<id:user_id>/followers", GET=graph.followers),
    route("users/<id:user_id>/following", GET=graph.following),
    route("users/<id:user_id>/posts", GET=timelines.user_timeline),
    # Posts
    route("posts", POST=posts.publish_post),
    route("posts/<id:post_id>", GET=posts.post, PATCH=posts.edit_post, DELETE=posts.delete_post),
    route("posts/<id:post_id>/thread", GET=posts.thread),
    route("posts/<id:post_id>/like", PUT=posts.like_post, DELETE=posts.unlike_post),
    route("posts/<id:post_id>/likers", GET=posts.likers),
    # Timelines
    route("timelines/home", GET=timelines.home_timeline),
    route("timelines/public", GET=timelines.public_timeline),
    route("timelines/hashtags/<str:hashtag>", GET=timelines.hashtag_timeline),
    # Notifications
    route("notifications", GET=notifications.notifications),
    route("notifications/unread-count", GET=notifications.unread_count),
    route("notifications/read", POST=notifications.mark_notifications_read),
    # The contract itself
    path("openapi.json", openapi_json, name="openapi"),
    path("openapi.yaml", openapi_yaml),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi")),
    path("redoc/", SpectacularRedocView.as_view(url_name="openapi")),
]
