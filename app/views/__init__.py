"""The pages. Each module draws one page when its `render()` is called; `app.main` is the frame."""
