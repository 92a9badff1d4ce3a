"""The lingua franca: classes to JSON and back, schema, arithmetic. Imports model, symbology and errors."""
