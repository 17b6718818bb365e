"""The pages. Each module draws one page when `render(selection)` is called.

`selection` is an `app.request.selection.Selection`: what the sidebar says, already checked, with a
date that has data. A page raises `EngineError` when it cannot go on; `app.main` says it and offers
a way out. A page that runs a model asks `app.jobs.await_result.prediction`, which may give an older
result marked as stale, or nothing yet.
"""
