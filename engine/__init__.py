"""The engine of AirLens: data in, maps out. It knows no screen."""
