"""Yelp's kafka-utils as one of the arms."""
