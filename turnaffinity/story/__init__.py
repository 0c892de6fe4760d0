"""What happens to a long speech? The flow told scene by scene on a live server."""
