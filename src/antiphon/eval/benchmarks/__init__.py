"""One benchmark a file: how its data lies on disk, how it is asked, how its answers are scored."""
