"""What the fault tests share: real launches that can be killed, a count of training steps, and the comparison."""
