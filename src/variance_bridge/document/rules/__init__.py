"""Rules about the numbers and terms of one document, by subject. Pure. `document.rules.consistency` applies them all."""
