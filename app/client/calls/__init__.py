"""The parts of the service, each with the calls of its own; `app.client.sdk` puts them together."""
