"""What a balancer shows of itself over HTTP: a page, metrics, health and what happens. It changes nothing."""
