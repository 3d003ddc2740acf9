"""
Use cases. Each checks what the actor may do, calls ports, and returns values.

A service is the view that one actor has of a noun: `Entries(context).create(...)`.
"""
