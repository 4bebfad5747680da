"""What a request costs, beside a bare Django view."""
