"""Rules about the numbers and terms of one document, by subject. Pure. `document.consistency` applies them all."""
