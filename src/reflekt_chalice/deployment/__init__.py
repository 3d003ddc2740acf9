"""From the installed package to a running service on AWS: bundle, template, stack, smoke and load."""
