"""Nearest neighbours by cosine: choosing, building, tuning and searching FAISS indexes over float16 vectors."""
