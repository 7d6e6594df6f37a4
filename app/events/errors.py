"""What can go wrong with events and webhooks."""

from app.core.errors import Conflict, NotFound, RuleBroken


class WebhookEndpointNotFound(NotFound):
    code = "webhook-endpoint-not-found"
    title = "There is no such webhook endpoint here"


class WebhookDeliveryNotFound(NotFound):
    code = "webhook-delivery-not-found"
    title = "There is no such delivery to this endpoint"


class WebhookAddressRefused(RuleBroken):
    code = "webhook-address-refused"
    title = "Nothing is sent to this address"


class TooManyWebhookEndpoints(Conflict):
    code = "too-many-webhook-endpoints"
    title = "The organisation has as many webhook endpoints as it may have"


class WebhookEndpointDisabled(Conflict):
    code = "webhook-endpoint-disabled"
    title = "The endpoint is disabled"


class SecretRotatedOften(Conflict):
    code = "secret-rotated-often"
    title = "The secret was replaced as often as it may be within a day"


class WebhooksUnavailable(Conflict):
    code = "webhooks-unavailable"
    title = "This installation sends no webhooks just now"
