"""From a data set to arrays and folds; nothing here is fitted but the normalization, on the rows it is given."""
