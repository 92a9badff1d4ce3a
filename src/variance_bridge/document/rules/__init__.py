"""Rules about the numbers and terms of one document, by subject. Pure. `document.arithmetic` applies them all."""
