/* Stands in for libgupnp-igd, which opens ports in home routers: of what libnice calls there is nothing. */
void *gupnp_simple_igd_thread_new (void) { return 0; }
unsigned long gupnp_simple_igd_get_type (void) { return 0; }
void gupnp_simple_igd_add_port (void) {}
void gupnp_simple_igd_remove_port_local (void) {}
