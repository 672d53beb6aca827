"""The status endpoint: shows a page, metrics, health and events of a balancer over HTTP. It changes nothing."""
