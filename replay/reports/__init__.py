"""What people read: findings and runs as text, Markdown, HTML, JUnit and JSON.

What is said is decided in `runs/` and `findings/`; printing is for `cli/`. Begin with `wording.py`.
"""
