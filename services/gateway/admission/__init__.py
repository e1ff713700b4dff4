"""Who may enter, and when: limits of keys and tenants, and queues that serve tenants fairly."""
