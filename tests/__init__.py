"""Tests, one folder per kind of evidence: unit, properties, runtime, conformance; support holds what they share."""
