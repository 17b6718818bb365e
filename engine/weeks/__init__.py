"""A week ahead at stations: the record, forecasts by AQ-Net and by others, and their page."""
