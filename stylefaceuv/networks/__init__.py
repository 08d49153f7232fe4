"""Networks: stylecodes to images, coefficients, UV maps; images to landmarks."""
