# nginx/: the load balancer's configuration.
