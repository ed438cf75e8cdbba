"""What the prediction API decides: what a request holds, what is in service, what is answered."""
