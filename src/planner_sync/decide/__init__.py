"""The rules: functions of values."""
