"""What a model may see of a row: the schema, the row-wise step, the fitted encoders."""
