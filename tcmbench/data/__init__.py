"""Reading and writing of data: clinical records, the knowledge base, training files, and leaks between them."""
