"""What the views share: the store, the query bar, filters, cards, notices and exports."""
