"""Pure: figures and findings → what a notebook shows of them."""
