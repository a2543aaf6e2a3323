"""The pages of someone who takes part. A view reads the form, calls one step function, and leads to the next page."""
