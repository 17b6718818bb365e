"""Work that takes longer than a page: the queue, its results, what is computed in advance."""
