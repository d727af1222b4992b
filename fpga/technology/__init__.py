"""What FPGA families have instead of the behavioural form of a component: platforms in Amaranth's manner, one family a file."""
