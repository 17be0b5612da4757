"""From a variant to tuned models: training set, leaks and training, one model per seed, stored by key."""
